/** Names of fields whose value says what kind of message it is: in a pact they stay as they are. */
export const KIND_FIELD = /^(type|event|kind|op|action|method|msgtype|messagetype|channel)$/i;
