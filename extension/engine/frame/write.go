package frame

import "encoding/binary"

// Append appends one whole frame, not masked: what a server sends. op may have
// Deflated added.
func Append(dst []byte, op Opcode, payload []byte) []byte {
	dst = appendHeader(dst, 0x80|byte(op), 0, len(payload))
	return append(dst, payload...)
}

// AppendMasked appends one whole frame masked with mask: what a client sends.
// payload is left as it is.
func AppendMasked(dst []byte, op Opcode, mask [4]byte, payload []byte) []byte {
	return AppendFragment(dst, op, true, mask, payload)
}

// AppendFragment is AppendMasked for one fragment of a message; fin marks the
// last one.
func AppendFragment(dst []byte, op Opcode, fin bool, mask [4]byte, payload []byte) []byte {
	first := byte(op)
	if fin {
		first |= 0x80
	}
	dst = appendHeader(dst, first, 0x80, len(payload))
	dst = append(dst, mask[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	xor(mask, 0, dst[start:])
	return dst
}

func appendHeader(dst []byte, first, maskBit byte, length int) []byte {
	switch {
	case length < 126:
		return append(dst, first, maskBit|byte(length))
	case length <= 0xFFFF:
		dst = append(dst, first, maskBit|126)
		return binary.BigEndian.AppendUint16(dst, uint16(length))
	default:
		dst = append(dst, first, maskBit|127)
		return binary.BigEndian.AppendUint64(dst, uint64(length))
	}
}

// ClosePayload appends the payload of a Close frame: code and reason, or
// nothing for CodeNone.
func ClosePayload(dst []byte, code uint16, reason string) []byte {
	if code == CodeNone {
		return dst
	}
	dst = binary.BigEndian.AppendUint16(dst, code)
	return append(dst, reason...)
}

// ParseClose reads the payload of a Close frame (section 5.5.1). Without a
// code it is CodeNone.
func ParseClose(payload []byte) (code uint16, reason []byte, err error) {
	switch len(payload) {
	case 0:
		return CodeNone, nil, nil
	case 1:
		return 0, nil, ErrClosePayload
	}
	code = binary.BigEndian.Uint16(payload)
	reason = payload[2:]
	if !ValidCode(code) {
		return 0, nil, ErrCloseCode
	}
	if !valid(reason) {
		return 0, nil, ErrUTF8
	}
	return code, reason, nil
}
