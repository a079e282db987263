package serve

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"xk6-realtime/engine"
)

func startRooms(t *testing.T, o RoomOptions) *RoomServer {
	t.Helper()
	o.Listen = loopback
	s, err := StartRooms(o)
	return running(t, s, err)
}

// subscriber is a new connection that has subscribed to rooms.
func subscriber(t *testing.T, s *RoomServer, rooms ...string) *websocket.Conn {
	t.Helper()
	ws := connect(t, s)
	for _, room := range rooms {
		say(t, ws, fmt.Sprintf(`{"type":"subscribe","room":%q}`, room))
		if got, want := read(t, ws), fmt.Sprintf(`{"type":"subscribed","room":%q}`, room); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	return ws
}

func say(t *testing.T, ws *websocket.Conn, text string) {
	t.Helper()
	if err := ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// delivered is a delivery as a client sees it.
type delivered struct {
	Type, Room, ID, Publisher, Payload string
	PublisherSeq                       int
	Timestamp                          float64
}

func readDelivery(t *testing.T, ws *websocket.Conn) (d delivered) {
	t.Helper()
	text := read(t, ws)
	if err := json.Unmarshal([]byte(text), &d); err != nil || d.Type != "message" {
		t.Fatalf("got %s (%v), want a delivery", text, err)
	}
	return d
}

func TestAPublicationComesToItsRoomButNotToItsPublisher(t *testing.T) {
	for loops := 1; loops <= 2; loops++ {
		s := startRooms(t, RoomOptions{Engine: engine.Options{Loops: loops}})
		publisher := subscriber(t, s, "red")
		red := []*websocket.Conn{subscriber(t, s, "red"), subscriber(t, s, "blue", "red")}
		blue := subscriber(t, s, "blue")
		before := float64(time.Now().UnixMicro()) / 1000
		say(t, publisher, `{"type":"publish","room":"red","id":"a \"quoted\" one","seq":7,"payload":"xyz"}`)
		say(t, red[0], `{"type":"publish","room":"blue","id":"b"}`)
		d := readDelivery(t, red[0])
		if d.Room != "red" || d.ID != `a "quoted" one` || d.PublisherSeq != 7 || d.Payload != "xyz" {
			t.Errorf("%d loops: got %+v", loops, d)
		}
		if after := float64(time.Now().UnixMicro()) / 1000; d.Timestamp < before || d.Timestamp > after {
			t.Errorf("published at %f, want %f to %f", d.Timestamp, before, after)
		}
		both := []string{readDelivery(t, red[1]).ID, readDelivery(t, red[1]).ID}
		if slices.Sort(both); !slices.Equal(both, []string{`a "quoted" one`, "b"}) {
			t.Errorf("%d loops: a member of both rooms got %q", loops, both)
		}
		if d := readDelivery(t, blue); d.ID != "b" {
			t.Errorf("%d loops: the blue room got %+v first", loops, d)
		}
		if r := s.Report(); r.Published != 2 || r.Sent != 4 || r.Connections != 4 {
			t.Errorf("%d loops: report %+v", loops, r)
		}
	}
}

func TestAnEchoIsAnsweredAsItCame(t *testing.T) {
	ws := connect(t, startRooms(t, RoomOptions{}))
	for _, id := range []string{`"a \u00e9"`, `12345678901234567890`} {
		say(t, ws, `{"type":"echo","echoId":`+id+`}`)
		if got, want := read(t, ws), `{"type":"echo_reply","echoId":`+id+`}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestWhoHasLeftGetsNothing(t *testing.T) {
	s := startRooms(t, RoomOptions{})
	publisher, leaver, stays := subscriber(t, s, "red"), subscriber(t, s, "red"), subscriber(t, s, "red")
	leaver.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
	if _, _, err := leaver.ReadMessage(); !websocket.IsCloseError(err, 1000) {
		t.Fatal(err)
	}
	say(t, publisher, `{"type":"publish","room":"red","id":"a"}`)
	readDelivery(t, stays)
	if r := s.Report(); r.Sent != 1 {
		t.Errorf("%d deliveries, want 1", r.Sent)
	}
}

func TestDeliveriesGoWrongAsAsked(t *testing.T) {
	tests := []struct {
		name   string
		faults Faults
		want   []int // publications as they come to the second connection
		report RoomReport
	}{
		{"every third is lost, twice", Faults{Lose: Fault{3, 2}}, []int{1, 2, 4, 5, 7, 8, 9, 10}, RoomReport{Sent: 8, Lost: 2}},
		{"every fourth comes twice", Faults{Repeat: Fault{Every: 4}}, []int{1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 9, 10}, RoomReport{Sent: 10, Repeated: 2}},
		// The one that overtakes has no number.
		{"every third is overtaken", Faults{Reorder: Fault{Every: 3}}, []int{1, 2, 4, 3, 5, 6, 8, 7, 9, 10}, RoomReport{Sent: 10, Reordered: 2}},
		{"the last one is held", Faults{Reorder: Fault{10, 1}}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}, RoomReport{Sent: 9, Held: 1}},
		{"others' only", Faults{Lose: Fault{Every: 1}, FromConnection: 2}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, RoomReport{Sent: 10}},
		{"its own only", Faults{Lose: Fault{Every: 1}, FromConnection: 1, ToConnection: 2}, nil, RoomReport{Lost: 10}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := startRooms(t, RoomOptions{Faults: test.faults})
			publisher, hears := subscriber(t, s, "red"), subscriber(t, s, "red")
			for i := 1; i <= 10; i++ {
				say(t, publisher, fmt.Sprintf(`{"type":"publish","room":"red","seq":%d}`, i))
			}
			say(t, publisher, "no JSON") // answered after all of them
			if got := read(t, publisher); got != `{"type":"error","reason":"bad_json"}` {
				t.Fatalf("got %s", got)
			}
			say(t, hears, "no JSON")
			var got []int
			for {
				text := read(t, hears)
				var d delivered
				if json.Unmarshal([]byte(text), &d) != nil || d.Type != "message" {
					break
				}
				got = append(got, d.PublisherSeq)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			test.report.Connections, test.report.Published = 2, 10
			if r := s.Report(); r != test.report {
				t.Errorf("report %+v, want %+v", r, test.report)
			}
		})
	}
}

func TestWhatIsNotUnderstoodIsAnswered(t *testing.T) {
	s := startRooms(t, RoomOptions{})
	ws := subscriber(t, s)
	for said, reason := range map[string]string{
		`[`:                            "bad_json",
		`{"type":"subscribe"}`:         "bad_message",
		`{"type":"dance","room":"r"}`:  "unknown_type",
		`{"type":"publish","room":12}`: "bad_json",
	} {
		say(t, ws, said)
		if got, want := read(t, ws), `{"type":"error","reason":"`+reason+`"}`; got != want {
			t.Errorf("%s: got %s, want %s", said, got, want)
		}
	}
}

func TestNegativeFaultsAreRefused(t *testing.T) {
	if _, err := StartRooms(RoomOptions{Listen: loopback, Faults: Faults{Lose: Fault{Every: -1}}}); err == nil {
		t.Error("no error")
	}
}
