package fleet

import (
	"context"
	"errors"
	"os"
)

// Save keeps the store as it is now, for Restore. It kills the collector, so that nobody writes to it; Restore starts it.
func (f *Fleet) Save() error {
	f.World.Collector.Kill()
	return copyFile(f.World.Path("grants.db"), f.World.Path("saved.db"))
}

// Restore is Restart with the store as it was when it was saved: what a run did to keys and grants is undone.
func (f *Fleet) Restore(ctx context.Context) error {
	f.World.Collector.Kill()
	if err := errors.Join(f.World.Standin.AwaitQuiet(ctx), os.RemoveAll(f.Queue())); err != nil {
		return err
	}
	if err := copyFile(f.World.Path("saved.db"), f.World.Path("grants.db")); err != nil {
		return err
	}
	return f.World.StartCollector(ctx)
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
