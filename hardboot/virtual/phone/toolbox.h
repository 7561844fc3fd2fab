/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the toolbox share. */
#ifndef TOOLBOX_H
#define TOOLBOX_H

/* toolbox_bootctl.c; given the words behind its name, returns the exit code */
int bootctl(char **words);

#endif
