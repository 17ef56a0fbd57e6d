package datadogoauthext

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// Ready is called by the service when its pipelines run (extensioncapabilities.PipelineWatcher). While the grants are not loaded, nothing
// can be sent for anybody, so health_check is kept at 503.
//
// By then every exporter has handed over its settings.
func (e *datadogOAuth) Ready() error {
	e.senders.known.Store(true)
	if grants := e.grants.Load(); grants != nil {
		grants.SettingsKnown()
	}
	if e.host != nil && !e.loaded() && !e.holding.begun() {
		e.holding.begin(e.holdBack)
	}
	return nil
}

// NotReady is called by the service when it begins to stop (extensioncapabilities.PipelineWatcher).
func (e *datadogOAuth) NotReady() error {
	if !e.holding.begun() {
		return nil
	}
	e.holding.end()
	e.eachHealthCheck(pipelineWatcher.NotReady) // the service may have said so before holdBack said Ready
	return nil
}

// pipelineWatcher is extensioncapabilities.PipelineWatcher, as far as it is called here.
type pipelineWatcher interface {
	Ready() error
	NotReady() error
}

// The service tells extensions in no fixed order that its pipelines run, so health_check may hear it after it was held back: it is told
// again soon after. Later repeats are for what nobody thought of.
var holdAgain = []time.Duration{20 * time.Millisecond, 200 * time.Millisecond, 2 * time.Second, 30 * time.Second}

// holdBack tells health_check that the collector is not ready, and that it is once the grants are loaded.
func (e *datadogOAuth) holdBack(ctx context.Context) {
	for i := 0; ; i = min(i+1, len(holdAgain)-1) {
		changes := e.Changes() // taken before the look, so that none is missed
		if e.loaded() {
			break
		}
		e.eachHealthCheck(pipelineWatcher.NotReady)
		timer := time.NewTimer(holdAgain[i])
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-changes:
		case <-timer.C:
		}
		timer.Stop()
	}
	for _, ext := range e.host.GetExtensions() {
		if other, ok := ext.(*datadogOAuth); ok && !other.loaded() {
			return // that one says it later
		}
	}
	e.eachHealthCheck(pipelineWatcher.Ready)
}

func (e *datadogOAuth) loaded() bool {
	grants := e.grants.Load()
	return grants != nil && grants.Ready()
}

var healthCheck = component.MustNewType("health_check")

// eachHealthCheck calls what the service calls too. By default health_check answers what it was told last in this way. With the feature
// gate extension.healthcheck.useComponentStatus it answers by component status instead, and watches that; such a one is left alone.
func (e *datadogOAuth) eachHealthCheck(call func(pipelineWatcher) error) {
	for id, ext := range e.host.GetExtensions() {
		_, byStatus := ext.(componentstatus.Watcher)
		if check, ok := ext.(pipelineWatcher); ok && id.Type() == healthCheck && !byStatus {
			_ = call(check) // it has no error to give
		}
	}
}
