// Package maps makes, reads and writes eBPF maps in files of a session.
//
// Protocol. A map is one position-independent file `maps/OBJECT.NAME`. Whoever makes
// it writes it under a temporary name with all its blocks allocated, and links it into
// place; a file that is there already is used when its definition is the same, and
// refused with the difference when it is not. Programs write through a shared mapping
// (internal/native/map_*.c), Go through another one; neither needs the other to be
// alive, and nobody waits for anybody: whoever is killed or stopped in the middle of
// an operation leaves the map as it was before it, or as it is behind it.
//
// The file begins with a header of 4096 bytes that never changes (internal/abi,
// MAP_HDR_*): the definition, and every size and offset that follows from it. Nothing
// else in the file says where anything is; numbers of nodes and blocks that lie in it
// are compared with the header's before they are used.
//
//	array         header | values                       a value has a multiple of 8 bytes
//	percpu_array  header | blocks | control
//	prog_array    header | identities | control            see refer.go
//	array_of_maps, hash_of_maps: the same with identities of maps (map_refer.c)
//	queue, stack  as a hash: its keys are positions (map_queue.c)
//	bloom_filter  header | bits
//	hash          header | control | records | heads | free bits | spare bits | in doubt | nodes
//	percpu_hash   the same, nodes without values | blocks
//	lru_hash, lru_percpu_hash   as hash and percpu_hash, nodes with a word that counts uses
//	lpm_trie      a hash of prefixes, nodes with the key as it was given
//	ringbuf       header | control | consumer's page | producers' page | records
//	perf_event_array, user_ringbuf  the same
//	arena         header | pages | control | bits of free pages      see arena.go
//	stack_trace   header | control | buckets
//	task_storage  a hash whose keys are threads (bpf_storage.c)
//
// Per-CPU types are per *lease* here: a block of values belongs to one running program
// at a time, so plain increments are exact. There are as many blocks as 8 MiB hold, at
// least 64 and at most 512, one for each lease; which lease has which one is in the
// control page, when there are fewer (map_block.c). A lease that gets none finds no
// value, and a miss is counted. Readers fold the blocks.
//
// A hash is chains of nodes, changed by compare-and-swap only; map_hash.c says how and
// why it is right, map_lru.c how an entry goes when there is no room, map_lpm.c how
// prefixes are found, map_steal.c why a map is not full before it is. There are
// max_entries nodes for entries and up to 512 spares, with which values are replaced as a
// whole. Readers walk a chain twice: the same links
// mean that all of them were there at once. Those who write from Go lock the file
// against each other (flock) and use the last record, which is nobody's lease.
//
// Freeze sets the one word of the header that may change: only programs write then.
//
// An array whose elements describe something (libbpf's __bpf_usdt_specs) is filled while
// programs read it: Intern gives out its elements, under the same lock.
//
// Rings are read by package ringbuf.
package maps
