package http2

import "encoding/binary"

// RFC 9113 section 6.5.2, and RFC 8441 section 3.
const (
	settingTableSize     = 1
	settingPush          = 2
	settingMaxStreams    = 3
	settingInitialWindow = 4
	settingFrameSize     = 5
	settingHeaderList    = 6
	settingConnect       = 8
)

// Settings is the settings that the peer has announced.
type Settings struct {
	// MaxStreams is how many streams it takes at once.
	MaxStreams uint32
	// Connect: it takes extended CONNECT, and so WebSocket (RFC 8441).
	Connect bool

	initialWindow int32
	frameBytes    int
}

func defaultSettings() Settings {
	return Settings{MaxStreams: maxWindow, initialWindow: defaultWindow, frameBytes: frameBytes}
}

func appendSetting(dst []byte, id uint16, value uint32) []byte {
	dst = binary.BigEndian.AppendUint16(dst, id)
	return binary.BigEndian.AppendUint32(dst, value)
}

// settingBytes is one setting's size.
const settingBytes = 6

// takeSettings takes the payload of a SETTINGS frame.
func (s *Session) takeSettings(b []byte) *Error {
	for ; len(b) >= settingBytes; b = b[settingBytes:] {
		if err := s.set(binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b[2:])); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) set(id uint16, value uint32) *Error {
	switch id {
	case settingTableSize:
		s.encoder.SetMaxDynamicTableSizeLimit(min(value, tableBytes))
	case settingPush:
		if value > 1 || !s.o.Server && value == 1 {
			return broken(ProtocolError, "SETTINGS_ENABLE_PUSH: want 0 of a server, 0 or 1 of a client")
		}
	case settingMaxStreams:
		s.peer.MaxStreams = value
	case settingInitialWindow:
		if value > maxWindow {
			return broken(FlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE is above 2^31-1")
		}
		return s.resizeWindows(int32(value))
	case settingFrameSize:
		if value < frameBytes || value > maxFrameBytes {
			return broken(ProtocolError, "SETTINGS_MAX_FRAME_SIZE is out of range")
		}
		s.peer.frameBytes = int(value)
	case settingConnect:
		if value > 1 || s.peer.Connect && value == 0 {
			return broken(ProtocolError, "SETTINGS_ENABLE_CONNECT_PROTOCOL: want 1, and no 0 after it")
		}
		s.peer.Connect = value == 1
	}
	return nil
}

// resizeWindows gives all streams what a new initial window adds to the last
// (RFC 9113 section 6.9.2).
func (s *Session) resizeWindows(initial int32) *Error {
	change := int64(initial) - int64(s.peer.initialWindow)
	s.peer.initialWindow = initial
	for _, st := range s.streams {
		window := int64(st.send) + change
		if window > maxWindow {
			return broken(FlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE takes a stream's window above 2^31-1")
		}
		st.send = int32(window)
	}
	if change > 0 {
		s.wake()
	}
	return nil
}
