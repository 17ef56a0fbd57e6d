package deploy

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

// Alert is an alert rule of Prometheus.
type Alert struct {
	Alert       string
	Expr        string
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// ReadAlerts reads a file of rules, in its order.
func ReadAlerts(path string) ([]Alert, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []Alert
		}
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all []Alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all, nil
}
