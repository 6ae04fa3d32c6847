/* The sites of programs that call helpers: f_ours_NAME and f_kernel_nop5_NAME, each with its program's calls per sample.
 * The host and the assembly are made of this list. */
#define HELPER_SITES(X)                                                                 \
	X(none, SLOW) X(read, SLOW) X(bad, TRAPPED) X(pid, SLOW) X(comm, SLOW) X(ktime, SLOW) \
	X(key, SLOW) X(array, SLOW) X(array_update, SLOW) X(percpu_array, SLOW)         \
	X(hash, SLOW) X(hash_miss, SLOW) X(hash_update, SLOW) X(hash_insert, SLOW)      \
	X(percpu_hash, SLOW) X(percpu_hash_update, SLOW)                                \
	X(lru_hash, SLOW) X(lru_hash_update, SLOW) X(lru_hash_evict, SLOW)              \
	X(lpm_trie, SLOW) X(lpm_trie_second, SLOW) X(lpm_trie_update, SLOW)             \
	X(queue, SLOW) X(stack, SLOW) X(filter, SLOW) X(stackid, LONG)                  \
	X(ring_output, RING) X(ring_reserve, RING) X(perf_output, RING)                 \
	X(user_ring_drain, RING) X(tail_call, SLOW) X(loops, SLOW)                      \
	X(each_array, SLOW) X(each_hash, SLOW)
