// Package eks stands in the distribution for the detector of that module path, which brings the client of Kubernetes with it: 83 packages and
// three megabytes. The collector links it for one experimental setting of its own telemetry (resource detectors, awseks).
package eks

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/sdk/resource"
)

var errNotBuiltIn = errors.New("the resource detector awseks is not built into this distribution: set the attributes of the cluster under service::telemetry::resource")

// NewResourceDetector returns a detector that says that it is not built in.
func NewResourceDetector() resource.Detector { return notBuiltIn{} }

type notBuiltIn struct{}

func (notBuiltIn) Detect(context.Context) (*resource.Resource, error) { return nil, errNotBuiltIn }
