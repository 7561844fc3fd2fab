/* SPDX-License-Identifier: Apache-2.0 */
#include "mapper.h"
#include <linux/dm-ioctl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

int is_mapper(unsigned long request)
{
	return _IOC_TYPE(request) == DM_IOCTL && _IOC_SIZE(request) == sizeof(struct dm_ioctl);
}

unsigned print_mapper(FILE *stream, unsigned long request, void *call, unsigned long long dev)
{
	struct dm_ioctl *header = call;
	struct dm_target_spec *target = (void *)((char *)call + header->data_start);

	fprintf(stream, "dm %lu v%u %s flags=%#x\n", _IOC_NR(request), header->version[0], header->name, header->flags);
	for (unsigned i = 0; i < header->target_count; i++) {
		fprintf(stream, "target %llu %llu %s %s\n", (unsigned long long)target->sector_start,
			(unsigned long long)target->length, target->target_type, (char *)(target + 1));
		target = (void *)((char *)target + target->next);
	}
	if (header->target_count && (char *)target != (char *)call + header->data_size)
		abort();
	header->dev = dev;
	return (unsigned)_IOC_NR(request);
}
