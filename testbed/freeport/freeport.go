// Package freeport chooses ports for servers that cannot choose one themselves, or have to keep theirs over a restart.
package freeport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports below those that systems give to outgoing connections (Linux: from 32768, IANA: from 49152). One of those may be gone by the time
// that its server starts, or while it is restarted.
const (
	lowest  = 10000
	highest = 32767
)

var (
	mu    sync.Mutex
	given = map[int]bool{} // in this process, where servers start side by side; guarded by mu
)

// Addr is a loopback address that nobody listens on, and that no other caller in this process was given.
func Addr() (string, error) {
	mu.Lock()
	defer mu.Unlock()
	for range 1000 {
		port := lowest + rand.IntN(highest-lowest+1)
		if given[port] {
			continue
		}
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
		if err != nil {
			continue
		}
		given[port] = true
		return addr, l.Close()
	}
	return "", errors.New("no free port on 127.0.0.1 from 10000 to 32767")
}

// Addrs are n of them.
func Addrs(n int) ([]string, error) {
	addrs := make([]string, n)
	for i := range addrs {
		var err error
		if addrs[i], err = Addr(); err != nil {
			return nil, err
		}
	}
	return addrs, nil
}
