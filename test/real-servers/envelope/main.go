// Command envelope is a WebSocket server whose messages are those of
// envelope.proto, read and written with Protocol Buffers' own library. It
// prints its port; GET /counts tells what it did.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/bufbuild/protocompile"
	"github.com/gorilla/websocket"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(folder string) error {
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{folder}}}
	files, err := compiler.Compile(context.Background(), "envelope.proto")
	if err != nil {
		return err
	}
	messages := files[0].Messages()
	s := &server{
		toServer: messages.ByName("ToServer"), toClient: messages.ByName("ToClient"),
		rooms: map[string]map[*client]bool{},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.HandleFunc("/counts", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		json.NewEncoder(w).Encode(s.counts)
	})
	http.HandleFunc("/ws", s.serve)
	return http.Serve(listener, nil)
}

// counts is what the server did.
type counts struct {
	Joined, Echoed, Published, Delivered, Unreadable int
}

type server struct {
	toServer, toClient protoreflect.MessageDescriptor

	mu     sync.Mutex
	counts counts
	rooms  map[string]map[*client]bool
}

type client struct {
	conn    *websocket.Conn
	writing sync.Mutex
	room    string
}

func (c *client) write(message []byte) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.conn.WriteMessage(websocket.BinaryMessage, message)
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	c := &client{conn: conn}
	defer s.leave(c)
	for {
		kind, bytes, err := conn.ReadMessage()
		if err != nil {
			return
		}
		message := dynamicpb.NewMessage(s.toServer)
		if kind != websocket.BinaryMessage || proto.Unmarshal(bytes, message) != nil || len(message.GetUnknown()) > 0 {
			s.mu.Lock()
			s.counts.Unreadable++
			s.mu.Unlock()
			return
		}
		s.take(c, message)
	}
}

// take does what a message asks for.
func (s *server) take(c *client, message protoreflect.Message) {
	field := message.WhichOneof(s.toServer.Oneofs().ByName("body"))
	if field == nil {
		return
	}
	body := message.Get(field).Message()
	room := body.Descriptor().Fields().ByName("room")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch field.Name() {
	case "join":
		s.counts.Joined++
		c.room = body.Get(room).String()
		if s.rooms[c.room] == nil {
			s.rooms[c.room] = map[*client]bool{}
		}
		s.rooms[c.room][c] = true
		c.write(s.message("joined", body))
	case "echo":
		s.counts.Echoed++
		c.write(s.message("echoed", body))
	case "publish":
		s.counts.Published++
		delivery := s.message("message", body)
		for member := range s.rooms[body.Get(room).String()] {
			s.counts.Delivered++
			member.write(delivery)
		}
	}
}

// message is one to a client, as bytes.
func (s *server) message(field protoreflect.Name, body protoreflect.Message) []byte {
	message := dynamicpb.NewMessage(s.toClient)
	message.Set(s.toClient.Fields().ByName(field), protoreflect.ValueOfMessage(body))
	bytes, err := proto.Marshal(message)
	if err != nil {
		log.Fatal(err)
	}
	return bytes
}

func (s *server) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rooms[c.room], c)
}
