module k6-realtime/test/real-servers/envelope

go 1.26.0

require (
	github.com/bufbuild/protocompile v0.14.1
	github.com/gorilla/websocket v1.5.3
	google.golang.org/protobuf v1.36.11
)

require golang.org/x/sync v0.8.0 // indirect
