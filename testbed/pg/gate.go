package pg

import (
	"io"
	"net"
	"sync"
)

// Gate is the network between a client and a server. It can hold back what the client sends, as a network does that went silent, and
// cut every connection.
type Gate struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	held   chan struct{}
	conns  map[net.Conn]struct{}
	closed bool
}

// NewGate listens on loopback and passes on to target.
func NewGate(target string) (*Gate, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &Gate{listener: l, target: target, conns: map[net.Conn]struct{}{}}
	g.work.Go(g.accept)
	return g, nil
}

// Addr is where clients connect to.
func (g *Gate) Addr() string { return g.listener.Addr().String() }

// Hold keeps back whatever clients send from here on, those that connect included, until Release.
func (g *Gate) Hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == nil && !g.closed {
		g.held = make(chan struct{})
	}
}

// Release lets everything through that was kept back.
func (g *Gate) Release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil {
		close(g.held)
		g.held = nil
	}
}

// Cut breaks every connection. New ones are let through.
func (g *Gate) Cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		c.Close()
	}
}

// Close ends it.
func (g *Gate) Close() error {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	err := g.listener.Close()
	g.Release()
	g.Cut()
	g.work.Wait()
	return err
}

func (g *Gate) accept() {
	for {
		client, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.work.Go(func() { g.serve(client) })
	}
}

func (g *Gate) serve(client net.Conn) {
	defer g.forget(client)
	if !g.know(client) {
		return
	}
	server, err := net.Dial("tcp", g.target)
	if err != nil {
		return // the client sees its connection closed, as it would without a gate
	}
	defer g.forget(server)
	if !g.know(server) {
		return
	}
	g.work.Go(func() {
		_, _ = io.Copy(client, server) // ends when either side is closed
		client.Close()
	})
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		if held := g.holding(); held != nil {
			<-held
		}
		if n > 0 {
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (g *Gate) holding() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

func (g *Gate) know(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.conns[c] = struct{}{}
	}
	return !g.closed
}

func (g *Gate) forget(c net.Conn) {
	g.mu.Lock()
	delete(g.conns, c)
	g.mu.Unlock()
	c.Close()
}
