package standin

import (
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// Scenario is a world that is broken in one way, which a demonstration or a check must notice.
type Scenario string

// The scenarios.
const (
	// ScenarioNone is Datadog as it should be.
	ScenarioNone Scenario = "none"
	// ScenarioDrop answers the data of one organisation as ever and keeps nothing of it.
	ScenarioDrop Scenario = "drop"
	// ScenarioSwapKey puts another organisation's key into the answer of a mint, of the same site if there is one.
	ScenarioSwapKey Scenario = "swap_key"
	// ScenarioWrongSite names another site of the same partition in the callback than the one that issued the code.
	ScenarioWrongSite Scenario = "wrong_site"
)

// SetScenario breaks the world in one way, or mends it with ScenarioNone. ScenarioDrop hits the organisation that was
// added first.
func (s *Server) SetScenario(name Scenario) error {
	s.init()
	switch name {
	case ScenarioNone, ScenarioDrop, ScenarioSwapKey, ScenarioWrongSite:
	default:
		return fmt.Errorf("no such scenario %q; use none, drop, swap_key or wrong_site", string(name))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scenario = name
	for _, o := range s.world.Orgs() {
		s.intake.DropAll(o.ID, false)
	}
	return s.world.UpdateSettings(func(o *oauth.Settings) error {
		o.SwapKey, o.WrongSite = name == ScenarioSwapKey, name == ScenarioWrongSite
		return nil
	})
}

// Scenario is the one in force.
func (s *Server) Scenario() Scenario {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scenario == "" {
		return ScenarioNone
	}
	return s.scenario
}

// breakIntake makes the intakes lose what the first organisation sends, while the scenario says so.
func (s *Server) breakIntake(org string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scenario != ScenarioDrop || org == "" {
		return
	}
	if orgs := s.world.Orgs(); orgs[0].ID == org {
		s.intake.DropAll(org, true)
	}
}
