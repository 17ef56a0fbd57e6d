package ctl

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

func TestLongWorkIsMentionedAndShortWorkIsNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for after, want := range map[time.Duration]string{
			time.Second:     "",
			5 * time.Second: "datadogoauthctl: reading grants.db, for 2s\ndatadogoauthctl: reading grants.db, for 4s\n",
		} {
			var stderr bytes.Buffer
			done := (&command{stderr: &stderr}).working("reading grants.db")
			time.Sleep(after)
			done()
			if stderr.String() != want {
				t.Errorf("after %s: %q, want %q", after, stderr.String(), want)
			}
		}
	})
}
