// Package proc tells what another process of this machine uses: CPU time, memory, files, connections, goroutines.
package proc
