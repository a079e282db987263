package frame

import "encoding/binary"

// header is a frame's header as it stands on the wire (section 5.2).
type header struct {
	fin    bool
	op     Opcode
	masked bool
	mask   [4]byte
	length int64
}

// parseHeader reads a header from the start of b. Its size is n, or 0 when b ends before it does.
// A fault of the first two bytes is refused without waiting for the rest. If messages may be
// compressed, deflated is true.
func parseHeader(b []byte, deflated bool) (h header, n int, err error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h.fin = b[0]&0x80 != 0
	h.op = Opcode(b[0] & 0x0F)
	h.masked = b[1]&0x80 != 0
	h.length = int64(b[1] & 0x7F)
	reserved := b[0] & 0x70
	if deflated && Opcode(reserved) == Deflated && (h.op == Text || h.op == Binary) {
		h.op |= Deflated
		reserved = 0
	}
	switch {
	case reserved != 0:
		return h, 0, ErrReservedBits
	case !(h.op &^ Deflated).known():
		return h, 0, ErrOpcode
	case h.op.isControl() && !h.fin:
		return h, 0, ErrFragmentedControl
	case h.op.isControl() && h.length > MaxControlBytes:
		return h, 0, ErrLongControl
	}
	n = 2
	switch h.length {
	case 126:
		if len(b) < 4 {
			return h, 0, nil
		}
		h.length = int64(binary.BigEndian.Uint16(b[2:]))
		n = 4
		if h.length < 126 {
			return h, 0, ErrLength // the shortest form must be used
		}
	case 127:
		if len(b) < 10 {
			return h, 0, nil
		}
		long := binary.BigEndian.Uint64(b[2:])
		n = 10
		if long>>63 != 0 || long <= 0xFFFF {
			return h, 0, ErrLength
		}
		h.length = int64(long)
	}
	if h.masked {
		if len(b) < n+4 {
			return h, 0, nil
		}
		h.mask = [4]byte(b[n:])
		n += 4
	}
	return h, n, nil
}
