/* SPDX-License-Identifier: Apache-2.0 */
/* This computer: where the agent begins. */
#ifndef HARDBOOT_ENTRY_H
#define HARDBOOT_ENTRY_H

void start_program(unsigned long *stack);

int main(int argc, char **argv)
{
	unsigned long stack[64] = {(unsigned long)argc};

	for (int i = 0; i < argc && i < 63; i++)
		stack[i + 1] = (unsigned long)argv[i];
	start_program(stack);
}

#endif
