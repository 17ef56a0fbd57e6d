package world

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
)

// Node is one collector of a world: its files, its addresses, its process.
type Node struct {
	Name      string
	Collector *Collector // the last that ran
	Log       *Log       // of every collector that ran here

	// Where it listens. OTLP speaks gRPC; OTLPHTTP is an http URL, and empty in a configuration that is not a Setup's.
	PublicURL, AdminURL, OTLP, OTLPHTTP, Health string

	world  *World
	runs   int // how often the collectors before this one ran
	dir    string
	config string
	args   []string
	env    []string
}

// newNode chooses addresses. Its files are still to be written.
func (w *World) newNode(name, dir string) (*Node, error) {
	addrs, err := freeport.Addrs(4)
	if err != nil {
		return nil, err
	}
	_, publicPort, err := net.SplitHostPort(addrs[0])
	if err != nil {
		return nil, err
	}
	n := &Node{
		Name: name, Log: &Log{}, world: w, dir: dir, args: w.opts.Args,
		PublicURL: "https://" + cmp.Or(w.opts.PublicHost, "localhost") + ":" + publicPort, AdminURL: "http://" + addrs[1], OTLP: addrs[2], Health: "http://" + addrs[3],
	}
	n.env = append([]string{
		"DEMO_DIR=" + dir, "DEMO_CA=" + filepath.Join(dir, "ca.pem"), "DEMO_PROXY=" + w.Standin.ProxyURL().String(),
		"DEMO_PUBLIC=" + addrs[0], "DEMO_PUBLIC_URL=" + n.PublicURL, "DEMO_ADMIN=" + addrs[1], "DEMO_OTLP=" + addrs[2], "DEMO_HEALTH=" + addrs[3],
	}, w.opts.Env...)
	return n, nil
}

// StartCollector runs the collector, again after a stop, and waits until its grants are loaded.
func (n *Node) StartCollector(ctx context.Context) error {
	if err := n.Launch(); err != nil {
		return err
	}
	return n.AwaitReady(ctx)
}

// Launch runs the collector and waits for nothing.
func (n *Node) Launch() error {
	n.runs = strings.Count(n.Log.String(), runsText)
	c, err := startCollector(n.world.opts.Collector, n.config, n.args, n.env, n.Log)
	if err != nil {
		return err
	}
	n.Collector = c
	return nil
}

// runsText is the collector's own word for the end of its start.
const runsText = "Everything is ready. Begin running and processing data."

// AwaitRunning waits until every part of the collector has started, and so listens. Its grants may not be loaded.
func (n *Node) AwaitRunning(ctx context.Context) error {
	return n.await(ctx, "does not run", func(context.Context) (bool, error) {
		return strings.Count(n.Log.String(), runsText) > n.runs, nil
	})
}

// AwaitReady waits until the collector runs and has loaded its grants.
func (n *Node) AwaitReady(ctx context.Context) error {
	if err := n.AwaitRunning(ctx); err != nil {
		return err
	}
	return n.await(ctx, "is not ready", n.Ready)
}

func (n *Node) await(ctx context.Context, not string, so func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		is, err := so(ctx)
		if err == nil && is {
			n.Collector.running.CompareAndSwap(0, time.Now().UnixNano())
			return nil
		}
		select {
		case <-n.Collector.Done():
			return fmt.Errorf("the collector %s ended while it started:\n%s", n.Name, n.Log.Tail(15))
		case <-ctx.Done():
			return fmt.Errorf("the collector %s %s (%w):\n%s", n.Name, not, errors.Join(err, ctx.Err()), n.Log.Tail(15))
		case <-time.After(50 * time.Millisecond): // another process: nothing to wait on but its port
		}
	}
}

// Ready asks the collector whether its grants are loaded. The error says that it does not answer.
func (n *Node) Ready(ctx context.Context) (bool, error) {
	status, _, err := n.Admin(ctx, http.MethodGet, "/v1/ready", nil)
	return status == http.StatusOK, err
}

// Env is the environment that the collector's configuration needs.
func (n *Node) Env() []string { return n.env }

// Path is that of a file in the collector's directory.
func (n *Node) Path(name string) string { return filepath.Join(n.dir, name) }

// write puts a file into the collector's directory, readable for its owner alone.
func (n *Node) write(name string, content []byte) error {
	return os.WriteFile(n.Path(name), content, 0o600)
}
