package faulty

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"
)

// Serve takes connections until the listener is closed. An empty fault means a correct server.
func Serve(l net.Listener, fault string) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			c := &connection{conn: conn, fault: fault}
			c.r = bufio.NewReaderSize(c, 64<<10)
			if c.open() {
				c.echo()
			}
		}()
	}
}

type connection struct {
	conn  net.Conn
	r     *bufio.Reader
	fault string

	deflate *codec // nil without permessage-deflate
	message []byte
	op      byte // of the fragmented message, 0 for none
	packed  bool
	held    []byte // an echo to be overtaken
	pongs   [][]byte
}

func (c *connection) has(fault string) bool { return c.fault == fault }

// Read is the connection's, with the faults of time.
func (c *connection) Read(b []byte) (int, error) {
	if c.has("idle-200-ms") {
		c.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	}
	n, err := c.conn.Read(b)
	if err != nil && c.has("ignores-end") {
		time.Sleep(time.Hour)
	}
	return n, err
}

type request struct {
	line  string
	names []string
	value map[string][]string
}

func (r *request) get(name string) string { return strings.Join(r.value[strings.ToLower(name)], ", ") }

func (r *request) has(name, token string) bool {
	for t := range strings.SplitSeq(r.get(name), ",") {
		if strings.EqualFold(strings.TrimSpace(t), token) {
			return true
		}
	}
	return false
}

// open answers the opening handshake and tells whether it succeeded.
func (c *connection) open() bool {
	head, err := c.head()
	if err != nil {
		return false
	}
	r, ok := c.parse(head)
	if !ok || !c.lawful(r) {
		c.refuse("400 Bad Request")
		return false
	}
	if v := r.value["sec-websocket-version"]; !c.has("any-version") && (len(v) != 1 || v[0] != "13") {
		c.refuse("426 Upgrade Required\r\nSec-WebSocket-Version: 13")
		return false
	}
	key := r.get("Sec-WebSocket-Key")
	if !c.has("accept-of-key-alone") {
		key += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	}
	sum := sha1.Sum([]byte(key))
	status, upgrade := "101 Switching Protocols", "Upgrade: websocket\r\n"
	if c.has("status-200") {
		status = "200 OK"
	}
	if c.has("no-upgrade-header") {
		upgrade = ""
	}
	response := "HTTP/1.1 " + status + "\r\n" + upgrade + "Connection: Upgrade\r\nSec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n"
	if protocols := r.get("Sec-WebSocket-Protocol"); protocols != "" {
		first, _, _ := strings.Cut(protocols, ",")
		if c.has("chooses-other-subprotocol") {
			first = "other"
		}
		response += "Sec-WebSocket-Protocol: " + strings.TrimSpace(first) + "\r\n"
	}
	response += c.negotiate(r.get("Sec-WebSocket-Extensions")) + "\r\n"
	c.conn.Write([]byte(response))
	return true
}

func (c *connection) head() (string, error) {
	if c.has("head-in-one-read") {
		b := make([]byte, 64<<10)
		n, err := c.conn.Read(b)
		return string(b[:n]), err
	}
	var all strings.Builder
	for !strings.HasSuffix(all.String(), "\r\n\r\n") {
		line, err := c.r.ReadString('\n')
		all.WriteString(line)
		if err != nil || all.Len() > 64<<10 {
			return "", errors.New("no head")
		}
	}
	return all.String(), nil
}

func (c *connection) parse(head string) (*request, bool) {
	lines := strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n")
	r := &request{line: lines[0], value: map[string][]string{}}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsAny(value, "\x00\r\n") {
			return nil, false
		}
		r.names = append(r.names, name)
		name = strings.ToLower(name)
		r.value[name] = append(r.value[name], strings.Trim(value, " \t"))
	}
	return r, true
}

func (c *connection) lawful(r *request) bool {
	parts := strings.Split(r.line, " ")
	key, err := base64.StdEncoding.DecodeString(r.get("Sec-WebSocket-Key"))
	switch {
	case len(parts) != 3 || parts[0] != "GET" && !c.has("any-method"),
		len(parts) == 3 && parts[2] != "HTTP/1.1" && !c.has("any-http-version"),
		len(r.value["host"]) != 1 && !c.has("no-host-needed"),
		!r.has("Upgrade", "websocket") && !c.has("no-upgrade-needed"),
		!r.has("Connection", "Upgrade") && !c.has("no-connection-needed"),
		(err != nil || len(key) != 16 || len(r.value["sec-websocket-key"]) != 1) && !c.has("any-key"):
		return false
	case c.has("upgrade-by-case") && r.get("Upgrade") != "websocket",
		c.has("connection-alone") && r.get("Connection") != "Upgrade",
		c.has("names-by-case") && !bytes.Contains([]byte(strings.Join(r.names, "|")), []byte("Upgrade")),
		c.has("head-in-one-read") && r.get("Sec-WebSocket-Version") == "":
		return false
	}
	return true
}

func (c *connection) refuse(status string) {
	c.conn.Write([]byte("HTTP/1.1 " + status + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
	c.leave()
}

// leave ends this side of TCP and reads until the peer ends its own.
func (c *connection) leave() {
	if c.has("keeps-tcp") {
		time.Sleep(time.Hour)
	}
	c.conn.(*net.TCPConn).CloseWrite()
	c.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 4<<10)
	for {
		if _, err := c.conn.Read(b); err != nil {
			return
		}
	}
}

// negotiate answers offers of permessage-deflate: the first that is valid.
func (c *connection) negotiate(offers string) string {
	if c.has("agrees-to-all-extensions") && offers != "" {
		return "Sec-WebSocket-Extensions: " + offers + "\r\n"
	}
	for offer := range strings.SplitSeq(offers, ",") {
		params := strings.Split(offer, ";")
		if strings.TrimSpace(params[0]) != "permessage-deflate" {
			continue
		}
		if answer, ok := c.agree(params[1:]); ok {
			return "Sec-WebSocket-Extensions: permessage-deflate" + answer + "\r\n"
		}
	}
	return ""
}

func (c *connection) agree(params []string) (answer string, ok bool) {
	d := &codec{bits: 15, peerBits: 15}
	seen := map[string]bool{}
	for _, p := range params {
		name, value, has := strings.Cut(strings.TrimSpace(p), "=")
		value = strings.Trim(value, `"`)
		n, err := strconv.Atoi(value)
		number := has && err == nil && n >= 8 && n <= 15 && value[0] != '0'
		lax := c.has("agrees-to-window-7")
		if seen[name] && !lax {
			return "", false
		}
		seen[name] = true
		switch {
		case name == "server_no_context_takeover" && !has:
			d.forget = true
			answer += "; server_no_context_takeover"
		case name == "client_no_context_takeover" && !has:
			d.peerForgets = true
			answer += "; client_no_context_takeover"
		case name == "server_max_window_bits" && number:
			d.bits = n
			answer += "; server_max_window_bits=" + value
		case name == "client_max_window_bits" && (!has || number):
		case lax:
		default:
			return "", false
		}
	}
	if c.has("client-bits-not-offered") && !seen["client_max_window_bits"] {
		answer += "; client_max_window_bits=15"
	}
	if c.has("keeps-context") {
		d.forget = false
	}
	if c.has("ignores-window") {
		d.bits = 15
	}
	c.deflate = d
	return answer, true
}
