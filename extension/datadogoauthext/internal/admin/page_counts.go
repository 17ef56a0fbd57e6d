package admin

import "github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"

// stateChoices are what the list can be filtered by, in the order in which an operator asks.
var stateChoices = []stateChoice{
	{StateAttention, "need attention"},
	{StateSending, "sending"},
	{StatePending, "change of organisation"},
	{StateRefused, "refused by an intake"},
	{StateParked, "with parked items"},
	{StateName(grant.StateOK), "all is well"},
	{StateName(grant.StateFailing), "refresh fails"},
	{StateName(grant.StateReauthorise), "customer has to consent"},
	{StateName(grant.StateMinting), "key being minted"},
	{StateName(grant.StateKeyMissing), "key missing"},
	{StateName(grant.StateKeyRefused), "key refused"},
	{StateName(grant.StatePaused), "paused"},
	{StateName(grant.StateDisconnected), "disconnected"},
	{StateName(grant.StateUnreadable), "record cannot be read"},
}

// count puts the numbers on top of the list, each with the list of these tenants alone.
func (v *listView) count(counts map[string]int) {
	figure := func(label, state string, l level) {
		n, path := counts[state], ""
		if state != StateAll && n > 0 {
			path = listPath(Query{State: state, Limit: v.Query.Limit}, "")
		}
		v.Figures = append(v.Figures, figureView{label, v.top.add("n-"+state, level2(n > 0, l, ""), count(n)), path})
	}
	figure("Tenants", StateAll, "")
	figure("Sending", StateSending, "")
	figure("Need attention", StateAttention, levelBad)
	figure("With parked items", StateParked, levelWait)
	figure("Paused", StateName(grant.StatePaused), levelWait)
}
