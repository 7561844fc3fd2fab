/* SPDX-License-Identifier: Apache-2.0 */
/* This computer, for the tests of ram_check: its function is called, and no kernel. */
