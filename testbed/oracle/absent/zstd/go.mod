module github.com/DataDog/datadog-agent/pkg/zstd

go 1.26.0
