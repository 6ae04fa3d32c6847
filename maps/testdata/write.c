/* Writes a map file as internal/abi says: a percpu_array of 3 values of 12 bytes,
 * 16 apart, in slots of 64 bytes. Slot n holds n + 1 for key 0, 1000 for key 2 in
 * the first and the last slot only, and bytes that no sum may see elsewhere. */
#include <stdio.h>
#include <string.h>

#include "structs.h"

#define STRIDE 64

int main(int argc, char **argv)
{
	static union {
		struct map_header header;
		u8 bytes[MAP_DATA_OFF + SESSION_NLEASES * STRIDE];
	} map;
	FILE *f = argc == 2 ? fopen(argv[1], "wx") : 0;

	map.header = (struct map_header){.magic = MAP_MAGIC, .version = MAP_VERSION, .type = 6, .key_size = 4, .value_size = 12,
					 .max_entries = 3, .flags = 8, .nslots = SESSION_NLEASES, .stride = STRIDE, .value_stride = 16, .data = MAP_DATA_OFF, .size = sizeof map};
	memset(map.header.lanes, 0x88, sizeof map.header.lanes); /* numbers of 4 bytes, since 12 is no multiple of 8 */
	for (u32 i = 0; i < SESSION_NLEASES; i++) {
		u8 *slot = map.bytes + MAP_DATA_OFF + i * STRIDE;
		u64 v = i + 1, k = i == 0 || i == SESSION_NLEASES - 1 ? 1000 : 0;

		memset(slot, 0xff, STRIDE);
		memcpy(slot, &v, sizeof v);
		memset(slot + 16, 0, 8);
		memcpy(slot + 32, &k, sizeof k);
	}
	return !f || fwrite(&map, sizeof map, 1, f) != 1 || fclose(f);
}
