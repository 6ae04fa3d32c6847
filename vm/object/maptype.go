package object

import (
	"fmt"
	"strings"
)

// MapType is the type of a map, numbered as the kernel's enum bpf_map_type.
type MapType uint32

// Types whose entries an object can name: data sections, and MapSpec.Values.
const (
	Array       MapType = 2
	ProgArray   MapType = 3
	ArrayOfMaps MapType = 12
	HashOfMaps  MapType = 13
)

// mapTypes are the kernel's names, by number from 0 (Linux 6.18).
var mapTypes = strings.Fields(`
	unspec hash array prog_array perf_event_array percpu_hash percpu_array stack_trace
	cgroup_array lru_hash lru_percpu_hash lpm_trie array_of_maps hash_of_maps devmap sockmap
	cpumap xskmap sockhash cgroup_storage_deprecated reuseport_sockarray percpu_cgroup_storage queue stack
	sk_storage devmap_hash struct_ops ringbuf inode_storage task_storage bloom_filter user_ringbuf
	cgrp_storage arena
`)

// ofNetwork are the types that have no meaning in a process; a program that
// asks whether there is one (enum bpf_map_type) is told no.
var ofNetwork = strings.Fields(`
	unspec cgroup_array devmap sockmap cpumap xskmap sockhash cgroup_storage_deprecated reuseport_sockarray
	percpu_cgroup_storage sk_storage devmap_hash struct_ops inode_storage cgrp_storage arena
`)

func (t MapType) String() string {
	if int(t) < len(mapTypes) {
		return mapTypes[t]
	}
	return fmt.Sprintf("map type %d", uint32(t))
}
