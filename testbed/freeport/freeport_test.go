package freeport_test

import (
	"net"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
)

func TestAddressesDifferAndCanBeListenedOn(t *testing.T) {
	t.Parallel()
	addrs, err := freeport.Addrs(50)
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		l, err := net.Listen("tcp", addr) // fails where an address came twice
		if err != nil {
			t.Error(err)
			continue
		}
		defer l.Close()
	}
}
