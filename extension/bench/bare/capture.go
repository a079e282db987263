//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

type captureFigures struct {
	Count int `json:"count"`
	// Missed packets found the ring full; Truncated ones had more in them
	// than was kept.
	Missed    uint32 `json:"missed"`
	Truncated int    `json:"truncated"`
	// Retransmitted packets do not count.
	Retransmitted int     `json:"retransmitted"`
	P50Ms         float64 `json:"p50Ms"`
	P90Ms         float64 `json:"p90Ms"`
	P99Ms         float64 `json:"p99Ms"`
	MaxMs         float64 `json:"maxMs"`
}

// summarize takes times in nanoseconds.
func (f *captureFigures) summarize(times []int64) {
	if f.Count = len(times); f.Count == 0 {
		return
	}
	slices.Sort(times)
	quantile := func(q float64) float64 { return float64(times[int(q*float64(len(times)-1))]) / 1e6 }
	f.P50Ms, f.P90Ms, f.P99Ms, f.MaxMs = quantile(0.5), quantile(0.9), quantile(0.99), quantile(1)
}

// packet is one with data, between a client and the server that is watched.
type packet struct {
	fromServer bool
	client     uint16 // its port
	data       []byte
	received   int64 // by the kernel, in nanoseconds since 1970
}

const (
	frameBytes  = 2048
	blockBytes  = 1 << 20
	blocks      = 128
	ringFrames  = blocks * blockBytes / frameBytes
	headerBytes = 52 // of IP and TCP with time stamps, without data
)

// capture hands over what passes between clients and a port over the loopback
// interface, off the wire as far as there is one, until interrupted. It needs
// the right to capture (CAP_NET_RAW).
func capture(port int, take func(packet)) (*captureFigures, error) {
	var stopped atomic.Bool
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() { <-stop; stopped.Store(true) }()

	// Packets of this protocol are handed over when they are received; those
	// of all protocols would be when they are sent, too.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket (needs CAP_NET_RAW): %w", err)
	}
	ring, err := receiveRing(fd, port)
	if err != nil {
		return nil, err
	}
	fmt.Println("capturing")

	var figures captureFigures
	var fromServer, fromClients sequences
	for at := 0; ; {
		frame := ring[at*frameBytes:][:frameBytes]
		h := (*unix.Tpacket2Hdr)(unsafe.Pointer(&frame[0]))
		if atomic.LoadUint32(&h.Status)&unix.TP_STATUS_USER == 0 {
			if stopped.Load() {
				break
			}
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100); err != nil && err != unix.EINTR {
				return nil, fmt.Errorf("poll: %w", err)
			}
			continue
		}
		if h.Snaplen < h.Len {
			figures.Truncated++
		}
		ip := frame[h.Net:][:h.Snaplen]
		tcp := ip[20:]
		source, destination := binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint16(tcp[2:])
		p := packet{fromServer: int(source) == port, client: destination, received: int64(h.Sec)*1e9 + int64(h.Nsec)}
		seen := &fromServer
		if !p.fromServer {
			p.client, seen = source, &fromClients
		}
		p.data = tcp[tcp[12]>>4*4:]
		length := uint32(binary.BigEndian.Uint16(ip[2:])) - 20 - uint32(tcp[12]>>4)*4
		if seen.isNew(p.client, binary.BigEndian.Uint32(tcp[4:]), length) {
			take(p)
		} else {
			figures.Retransmitted++
		}
		atomic.StoreUint32(&h.Status, unix.TP_STATUS_KERNEL)
		at = (at + 1) % ringFrames
	}
	stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return nil, fmt.Errorf("PACKET_STATISTICS: %w", err)
	}
	figures.Missed = stats.Drops
	return &figures, nil
}

// receiveRing makes packets with data from or to a TCP port appear in memory.
func receiveRing(fd, port int) ([]byte, error) {
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 9}, // the protocol
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.IPPROTO_TCP, Jf: 7},
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 20}, // the source port, after a header without options
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(port), Jt: 2},
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 22}, // the destination's
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(port), Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_LEN},
		{Code: unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, K: headerBytes, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xFFFF},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &filter); err != nil {
		return nil, fmt.Errorf("SO_ATTACH_FILTER: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return nil, fmt.Errorf("PACKET_VERSION: %w", err)
	}
	size := unix.TpacketReq{Block_size: blockBytes, Block_nr: blocks, Frame_size: frameBytes, Frame_nr: ringFrames}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &size); err != nil {
		return nil, fmt.Errorf("PACKET_RX_RING: %w", err)
	}
	ring, err := unix.Mmap(fd, 0, blocks*blockBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	loopback, err := net.InterfaceByName("lo")
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_IP), Ifindex: loopback.Index}); err != nil {
		return nil, fmt.Errorf("bind to the loopback interface: %w", err)
	}
	return ring, nil
}

func bigEndian(n uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], n)
	return binary.NativeEndian.Uint16(b[:])
}

// sequences is how far each port's data have come, as TCP sequence numbers.
type sequences [1 << 16]struct {
	next  uint32
	known bool
}

// isNew is false for data that came before.
func (s *sequences) isNew(port uint16, sequence, length uint32) bool {
	at := &s[port]
	if at.known && int32(sequence-at.next) < 0 {
		return false
	}
	at.next, at.known = sequence+length, true
	return true
}
