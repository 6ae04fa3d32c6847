package object

import "github.com/bpftime-go/bpftime/vm/helper"

// MapType is the type of a map, numbered as the kernel's enum bpf_map_type.
type MapType uint32

// Types whose entries an object can name: data sections, and MapSpec.Values.
const (
	Array       MapType = 2
	ProgArray   MapType = 3
	ArrayOfMaps MapType = 12
	HashOfMaps  MapType = 13
	Arena       MapType = 33
)

func (t MapType) String() string { return helper.MapTypeName(uint32(t)) }
