package intake

import (
	"errors"
	"fmt"
	"math"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// checkGroup refuses a group that Datadog's concentrator could not have made: counts that contradict each other, summaries that are no sketch.
func checkGroup(g *pb.ClientGroupedStats) error {
	if g.Errors > g.Hits || g.TopLevelHits > g.Hits {
		return badRequest("stats of %.100q: %d errors and %d top-level hits of %d hits", g.Resource, g.Errors, g.TopLevelHits, g.Hits)
	}
	if g.IsTraceRoot < pb.Trilean_NOT_SET || g.IsTraceRoot > pb.Trilean_FALSE {
		return badRequest("stats of %.100q: IsTraceRoot %d", g.Resource, g.IsTraceRoot)
	}
	for name, raw := range map[string][]byte{"OkSummary": g.OkSummary, "ErrorSummary": g.ErrorSummary} {
		if err := checkDDSketch(raw); err != nil {
			return badRequest("stats of %.100q: %s is no DDSketch: %v", g.Resource, name, err)
		}
	}
	return nil
}

// checkDDSketch reads a DDSketch with a logarithmic mapping and contiguous bins.
//
//	message DDSketch { IndexMapping mapping = 1; Store positiveValues = 2; Store negativeValues = 3; double zeroCount = 4; }
//	message IndexMapping { double gamma = 1; double indexOffset = 2; Interpolation interpolation = 3; }
//	message Store { map<sint32, double> binCounts = 1; repeated double contiguousBinCounts = 2; sint32 contiguousBinIndexOffset = 3; }
//	sketches-go, ddsketch/pb
func checkDDSketch(raw []byte) error {
	mapped := false
	err := eachField(raw, func(num protowire.Number, typ protowire.Type, v []byte) error {
		switch {
		case num == 1 && typ == protowire.BytesType:
			mapped = true
			return checkMapping(v)
		case (num == 2 || num == 3) && typ == protowire.BytesType:
			return checkStore(v)
		case num == 4 && typ == protowire.Fixed64Type:
			return checkCounts(v)
		}
		return fmt.Errorf("field %d of type %d", num, typ)
	})
	if err == nil && !mapped {
		return errors.New("it has no mapping")
	}
	return err
}

func checkMapping(raw []byte) error {
	gamma := 0.0
	err := eachField(raw, func(num protowire.Number, typ protowire.Type, v []byte) error {
		if num == 1 && typ == protowire.Fixed64Type {
			bits, _ := protowire.ConsumeFixed64(v)
			gamma = math.Float64frombits(bits)
		}
		return nil
	})
	if err == nil && !(gamma > 1) {
		return fmt.Errorf("gamma is %v", gamma)
	}
	return err
}

func checkStore(raw []byte) error {
	return eachField(raw, func(num protowire.Number, typ protowire.Type, v []byte) error {
		switch {
		case num == 2 && typ == protowire.BytesType:
			return checkCounts(v)
		case num == 3 && typ == protowire.VarintType, num == 1 && typ == protowire.BytesType:
			return nil
		}
		return fmt.Errorf("a store with field %d of type %d", num, typ)
	})
}

// checkCounts reads doubles.
func checkCounts(raw []byte) error {
	for len(raw) > 0 {
		bits, n := protowire.ConsumeFixed64(raw)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if count := math.Float64frombits(bits); !(count >= 0) || math.IsInf(count, 1) {
			return fmt.Errorf("a bin with count %v", count)
		}
		raw = raw[n:]
	}
	return nil
}

// eachField calls do with the value of each field: the content of a length-delimited one, the bytes of any other.
func eachField(raw []byte, do func(protowire.Number, protowire.Type, []byte) error) error {
	for len(raw) > 0 {
		num, typ, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return protowire.ParseError(n)
		}
		raw = raw[n:]
		if n = protowire.ConsumeFieldValue(num, typ, raw); n < 0 {
			return protowire.ParseError(n)
		}
		v := raw[:n]
		if typ == protowire.BytesType {
			v, _ = protowire.ConsumeBytes(v)
		}
		if err := do(num, typ, v); err != nil {
			return err
		}
		raw = raw[n:]
	}
	return nil
}
