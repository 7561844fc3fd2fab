/* SPDX-License-Identifier: Apache-2.0 */
/* What can be done with the files of an image: files.c. */
#ifndef HARDBOOT_FILES_H
#define HARDBOOT_FILES_H

/* Before the root folder is that of the image: open what is needed of the phone. */
void open_sources(int count, char **arguments);
void open_wanted(int count, char **arguments);

/* After that. */
void list_files(int all, int count, char **arguments);
void read_files(void);
void write_files(void);

#endif
