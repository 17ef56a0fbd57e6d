module github.com/datadogoauth/otelcol-datadogoauth/testbed/oracle

go 1.26
