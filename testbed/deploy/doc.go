// Package deploy holds what an operator loads into Grafana and Prometheus, deploy/ of this repository, against what the components declare, and
// against a Prometheus that scrapes a real collector. It draws the dashboard from that as well: no Grafana takes part.
//
// What it does not do: it draws the panels that the dashboard has (rows, stats, time series and tables) and the options that those use, and
// refuses others.
package deploy
