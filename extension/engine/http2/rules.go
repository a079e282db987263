package http2

// rule is what holds of one type of frame (sections 6.1 to 6.10).
type rule struct {
	name        string
	least, most int // bytes of its payload
	step        int // which it is a multiple of, if not 0
	on          where
}

type where uint8

const (
	anywhere where = iota
	onStream
	onConnection
)

var rules = [...]rule{
	frameData:         {"DATA", 0, frameBytes, 0, onStream},
	frameHeaders:      {"HEADERS", 0, frameBytes, 0, onStream},
	framePriority:     {"PRIORITY", 5, 5, 0, onStream},
	frameReset:        {"RST_STREAM", 4, 4, 0, onStream},
	frameSettings:     {"SETTINGS", 0, frameBytes, settingBytes, onConnection},
	framePush:         {"PUSH_PROMISE", 0, frameBytes, 0, onStream},
	framePing:         {"PING", 8, 8, 0, onConnection},
	frameGoAway:       {"GOAWAY", 8, frameBytes, 0, onConnection},
	frameWindow:       {"WINDOW_UPDATE", 4, 4, 0, anywhere},
	frameContinuation: {"CONTINUATION", 0, frameBytes, 0, onStream},
}

func (r *rule) hasLength(n int) bool {
	return n >= r.least && n <= r.most && (r.step == 0 || n%r.step == 0)
}

func (r *rule) allows(h *frameHeader) bool {
	return r.hasLength(h.length) && (r.on == anywhere || (r.on == onStream) == (h.streamID != 0)) &&
		!(h.kind == frameSettings && h.has(flagAck) && h.length > 0)
}

func (r *rule) code(h *frameHeader) Code {
	if !r.hasLength(h.length) || h.kind == frameSettings && h.has(flagAck) {
		return FrameSizeError
	}
	return ProtocolError
}
