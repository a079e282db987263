package serve

import (
	"xk6-realtime/engine"
	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/websocket"
)

// preparer makes messages that go to many clients. It belongs to one loop.
type preparer struct{ deflater *deflate.Deflater }

func newPreparer(o engine.Options) preparer {
	if o.Deflate == nil {
		return preparer{}
	}
	return preparer{&deflate.Deflater{}}
}

// prepare makes a message of a payload, which it keeps.
func (p preparer) prepare(kind engine.Kind, payload []byte) *websocket.Prepared {
	// Memory takes all that is written to it.
	message, err := websocket.Prepare(kind, payload, p.deflater)
	if err != nil {
		panic(err)
	}
	return message
}
