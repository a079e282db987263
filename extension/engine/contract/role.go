package contract

// What a descriptor takes a message for: the values of role, beside "" for
// nothing. As ROLES of lib/contract/contract.ts.
const (
	RoleSession   = "session"
	RoleHeartbeat = "heartbeat"
	RoleRefresh   = "refresh"
	RoleError     = "error"
	RoleReply     = "reply"
	RoleDelivery  = "delivery"
)
