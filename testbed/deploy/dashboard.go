package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Dashboard is what is read of Grafana's model of one.
// https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
type Dashboard struct {
	Title         string
	UID           string
	SchemaVersion int
	Templating    struct{ List []Variable }
	Panels        []Panel
}

// Variable is a choice of whoever looks at the dashboard.
type Variable struct {
	Name, Label, Type   string
	Query               Query
	Datasource          *Datasource
	Multi, IncludeAll   bool
	Definition, Regex   string
	Refresh, Sort, Hide int
}

// Query of a variable is a text or an object with one.
type Query string

// UnmarshalJSON takes both forms.
func (q *Query) UnmarshalJSON(raw []byte) error {
	var object struct{ Query string }
	if json.Unmarshal(raw, (*string)(q)) == nil {
		return nil
	}
	err := json.Unmarshal(raw, &object)
	*q = Query(object.Query)
	return err
}

// Datasource names where a panel asks.
type Datasource struct{ Type, UID string }

// Panel is a diagram, or a row, which is a headline.
type Panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               *Datasource
	GridPos                  struct{ X, Y, W, H int }
	Collapsed                bool
	Panels                   []Panel
	FieldConfig              struct {
		Defaults struct {
			Unit       string
			Min, Max   *float64
			Decimals   *int
			Thresholds struct {
				Steps []struct {
					Color string
					Value *float64
				}
			}
			Custom struct {
				Stacking struct{ Mode string }
			}
		}
	}
	Targets         []Target
	Transformations []Transformation
}

// Target is one question of a panel.
type Target struct {
	RefID, Expr, LegendFormat, Format string
	Instant, Range                    bool
	Datasource                        *Datasource
}

// Transformation of a table: merge joins the answers, organize names the columns.
type Transformation struct {
	ID      string
	Options struct {
		IndexByName  map[string]int
		RenameByName map[string]string
	}
}

// ReadDashboard reads a file that Grafana imports.
func ReadDashboard(path string) (Dashboard, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Dashboard{}, err
	}
	var d Dashboard
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&d); err != nil {
		return Dashboard{}, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// columns is how many parts a dashboard is wide.
const columns = 24

// Choice is what stands for the variables of a dashboard.
type Choice map[string]string

var variable = regexp.MustCompile(`\$\{?([a-zA-Z_]+)\}?`)

// Expand puts a choice into an expression, as Grafana does. A variable that the choice does not name is an error.
func (c Choice) Expand(expr string) (string, error) {
	var unknown []string
	out := variable.ReplaceAllStringFunc(expr, func(found string) string {
		name := strings.Trim(found, "${}")
		value, ok := c[name]
		if !ok {
			unknown = append(unknown, name)
		}
		return value
	})
	if unknown != nil {
		return "", fmt.Errorf("no variable %s: %s", strings.Join(unknown, ", "), expr)
	}
	return out, nil
}
