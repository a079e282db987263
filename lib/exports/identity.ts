/** Who connects, and with which credentials: `import … from "k6-realtime/identity"`. */
export {
  FIRST_ROOM,
  IDENTITY_SETTINGS,
  type Identity,
  type IdentityOptions,
  type IdentitySettings,
  identities,
} from "../identity.ts";
export { NO_USERS, parseUsers, tableOf, type Users, usersOf } from "../users.ts";
