package metrics

import "go.opentelemetry.io/collector/pdata/pcommon"

// overrides are the attributes of a resource that overwrite those of its data points, see Options.ResourceAttributesAsTags. They are found by key
// in constant time, so that many attributes on both sides do not cost their product.
type overrides struct {
	all   []override
	index map[string]int32 // key to its first place in all
	point uint64           // number of the data point at hand
}

type override struct {
	key   string
	value pcommon.Value
	first int32  // the first place of its key
	point uint64 // the last data point that has the key; kept at the first place
}

// read takes the attributes of a resource. It keeps them until reset.
func (o *overrides) read(res pcommon.Map) {
	o.reset()
	if o.index == nil {
		o.index = make(map[string]int32)
	}
	for key, v := range res.All() {
		at := int32(len(o.all))
		first, known := o.index[key]
		if !known {
			o.index[key], first = at, at
		}
		o.all = append(o.all, override{key: key, value: v, first: first})
	}
}

// reset forgets the pdata. What one huge resource made large is not kept.
func (o *overrides) reset() {
	const keep = 1 << 10
	if cap(o.all) > keep {
		*o = overrides{}
	}
	clear(o.index)
	clear(o.all)
	o.all, o.point = o.all[:0], 0
}

// get is the value of an attribute of the resource.
func (o *overrides) get(key string) (v pcommon.Value, ok bool) {
	at, ok := o.index[key]
	if ok {
		v = o.all[at].value
	}
	return v, ok
}

// addTo gives add the attributes of a data point, each with the value that the resource has for it, and then the others of the resource.
func (o *overrides) addTo(point pcommon.Map, add func(key string, v pcommon.Value) bool) {
	o.point++
	for key, v := range point.All() {
		if at, ok := o.index[key]; ok {
			o.all[at].point = o.point
			v = o.all[at].value
		}
		add(key, v)
	}
	for i := range o.all {
		if a := &o.all[i]; o.all[a.first].point != o.point {
			add(a.key, a.value)
		}
	}
}
