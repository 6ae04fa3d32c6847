package helper

import (
	"fmt"
	"slices"
	"strings"
)

// Types of maps that some helpers take and others do not, as the kernel numbers them
// (enum bpf_map_type).
const (
	mapHash           = 1
	mapArray          = 2
	mapProgArray      = 3
	mapPerfEventArray = 4
	mapPercpuHash     = 5
	mapPercpuArray    = 6
	mapStackTrace     = 7
	mapLRUHash        = 9
	mapLRUPercpuHash  = 10
	mapArrayOfMaps    = 12
	mapHashOfMaps     = 13
	mapQueue          = 22
	mapStack          = 23
	mapRingbuf        = 27
	mapTaskStorage    = 29
	mapBloomFilter    = 30
	mapUserRingbuf    = 31
	mapArena          = 33
)

// mapTypes are the kernel's names, by number from 0 (Linux 6.18).
var mapTypes = strings.Fields(`
	unspec hash array prog_array perf_event_array percpu_hash percpu_array stack_trace
	cgroup_array lru_hash lru_percpu_hash lpm_trie array_of_maps hash_of_maps devmap sockmap
	cpumap xskmap sockhash cgroup_storage_deprecated reuseport_sockarray percpu_cgroup_storage queue stack
	sk_storage devmap_hash struct_ops ringbuf inode_storage task_storage bloom_filter user_ringbuf
	cgrp_storage arena
`)

// MapTypeName is the kernel's name of a type of maps, in small letters.
func MapTypeName(t uint32) string {
	if int64(t) < int64(len(mapTypes)) {
		return mapTypes[t]
	}
	return fmt.Sprintf("map type %d", t)
}

// ofMap are the helpers that take a map of the type; those of other types take any that
// does not say otherwise. With ofHelper it is the kernel's check_map_func_compatibility,
// for the types that there are in a process.
var ofMap = map[uint32][]int32{
	mapProgArray:      {12},
	mapPerfEventArray: {22, 25, 55},
	mapRingbuf:        {130, 131, 134, 198},
	mapUserRingbuf:    {209},
	mapStackTrace:     {27},
	mapArrayOfMaps:    {1},
	mapHashOfMaps:     {1},
	mapQueue:          {87, 88, 89},
	mapStack:          {87, 88, 89},
	mapBloomFilter:    {87, 89},
	mapTaskStorage:    {156, 157},
	mapArena:          {242, 243, 244},
}

// ofHelper are the types that a helper takes; the others take any that does not say
// otherwise. 164 is not in that function: maps have a callback or they have none
// (map_set_for_each_callback_args). Nor is 169, which takes a map that can hold a timer.
var ofHelper = map[int32][]uint32{
	12:  {mapProgArray},
	22:  {mapPerfEventArray},
	25:  {mapPerfEventArray},
	27:  {mapStackTrace},
	55:  {mapPerfEventArray},
	87:  {mapQueue, mapStack, mapBloomFilter},
	88:  {mapQueue, mapStack},
	89:  {mapQueue, mapStack, mapBloomFilter},
	130: {mapRingbuf},
	131: {mapRingbuf},
	134: {mapRingbuf},
	156: {mapTaskStorage},
	157: {mapTaskStorage},
	164: {mapHash, mapArray, mapPercpuHash, mapPercpuArray, mapLRUHash, mapLRUPercpuHash},
	169: {mapHash, mapArray, mapLRUHash},
	195: {mapPercpuHash, mapPercpuArray, mapLRUPercpuHash},
	198: {mapRingbuf},
	209: {mapUserRingbuf},
	242: {mapArena},
	243: {mapArena},
	244: {mapArena},
}

// TakesMap reports whether a helper that takes a map takes one of the type.
func TakesMap(id int32, t uint32) bool {
	helpers, picky := ofMap[t]
	types, choosy := ofHelper[id]
	return (!picky || slices.Contains(helpers, id)) && (!choosy || slices.Contains(types, t))
}

// MapsOf are the types that a helper takes, among those there are in a process.
func MapsOf(id int32) []uint32 {
	return slices.DeleteFunc(MapTypes(), func(t uint32) bool { return !TakesMap(id, t) })
}

// ofNetwork are the types that have no meaning in a process.
var ofNetwork = strings.Fields(`
	unspec cgroup_array devmap sockmap cpumap xskmap sockhash cgroup_storage_deprecated reuseport_sockarray
	percpu_cgroup_storage sk_storage devmap_hash struct_ops inode_storage cgrp_storage
`)

// MapTypes are the types that there are in a process, by number.
func MapTypes() (types []uint32) {
	for t, name := range mapTypes {
		if !slices.Contains(ofNetwork, name) {
			types = append(types, uint32(t))
		}
	}
	return types
}
