package world

import (
	"net"
	"sync/atomic"
)

var browsers atomic.Uint32 // how many there were

// nextAddress gives every browser an address of its own, as customers have: all of 127.0.0.0/8 is this machine.
func nextAddress() net.Addr {
	n := browsers.Add(1)
	return &net.TCPAddr{IP: net.IPv4(127, 1+byte(n>>16)%254, byte(n>>8), byte(n))}
}
