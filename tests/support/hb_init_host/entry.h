/* SPDX-License-Identifier: Apache-2.0 */
/* This computer: where hb-init begins, with the arguments and the environment of the test. */
#ifndef HARDBOOT_ENTRY_H
#define HARDBOOT_ENTRY_H

void start_program(unsigned long *stack);

int main(int argc, char **argv, char **envp)
{
	unsigned long stack[64] = {(unsigned long)argc}, *top = stack + 1;

	for (int i = 0; i <= argc && i < 20; i++)
		*top++ = (unsigned long)argv[i];
	for (int i = 0; i < 40 && envp[i]; i++)
		*top++ = (unsigned long)envp[i];
	start_program(stack);
}

#endif
