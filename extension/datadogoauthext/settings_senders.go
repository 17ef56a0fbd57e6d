package datadogoauthext

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// NoteSettings implements credential.Settings.
func (e *datadogOAuth) NoteSettings(name string, settings map[string]credential.Setting) {
	e.senders.note(name, settings)
}

// senders are the settings of the exporters in this collector. The zero senders is ready.
type senders struct {
	known atomic.Bool // the pipelines run, so all of them handed theirs over

	mu sync.Mutex // guards of
	of map[string]map[string]credential.Setting
}

func (s *senders) note(name string, settings map[string]credential.Setting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string]map[string]credential.Setting{}
	}
	s.of[name] = maps.Clone(settings)
}

// besides adds them to the extension's own settings. It returns nil, for not known yet, until the pipelines run: an exporter that has not begun is none
// that was removed.
func (s *senders) besides(own func() map[string]grant.Setting) func() map[string]grant.Setting {
	return func() map[string]grant.Setting {
		if !s.known.Load() {
			return nil
		}
		all := own()
		s.mu.Lock()
		defer s.mu.Unlock()
		for sender, settings := range s.of {
			for name, setting := range settings {
				all[sender+"::"+name] = grant.Setting{Value: setting.Value, Secret: setting.Secret}
			}
		}
		return all
	}
}
