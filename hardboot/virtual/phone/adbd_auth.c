/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH: is the token signed by a key of adb_keys? RSA-2048, PKCS#1 v1.5, the token taken as a SHA-1 digest.
 * Only public operations: nothing here has to hide its timing. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "adbd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORDS 64			/* of 32 bits: 2048 */
#define MODULUS_SIZE (WORDS * 4)
#define KEY_SIZE (4 + 4 + 2 * MODULUS_SIZE + 4)	/* words, n0inv, modulus, R^2 mod n, exponent; libcrypto_utils */
#define KEY_LINE_MAX 2048

bool new_token(uint8_t token[TOKEN_SIZE])
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);	/* getrandom(2) is younger than our oldest kernel */
	bool done = fd >= 0 && read_full(fd, token, TOKEN_SIZE);

	if (fd >= 0)
		close(fd);
	return done;
}

static int base64_value(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* Decodes the base64 at the start of `text`; true when it is exactly `size` bytes and ends at space, '=' or the end. */
static bool base64_decode(const char *text, uint8_t *to, size_t size)
{
	uint32_t bits = 0;
	size_t done = 0;
	int have = 0, value;

	for (; (value = base64_value(*text)) >= 0; text++) {
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			if (done == size)
				return false;
			to[done++] = (uint8_t)(bits >> have);
		}
	}
	return done == size && strchr("= \t\r\n", *text);	/* strchr also finds the final NUL */
}

static bool less(const uint32_t *a, const uint32_t *b)
{
	for (int i = WORDS - 1; i >= 0; i--)
		if (a[i] != b[i])
			return a[i] < b[i];
	return false;
}

static void subtract(uint32_t *a, const uint32_t *b)
{
	uint64_t borrow = 0;

	for (int i = 0; i < WORDS; i++) {
		uint64_t difference = (uint64_t)a[i] - b[i] - borrow;

		a[i] = (uint32_t)difference;
		borrow = difference >> 63;
	}
}

/* to = a * b / 2^2048 mod n (Montgomery, word by word); `inverse` is -1/n mod 2^32. */
static void multiply(uint32_t *to, const uint32_t *a, const uint32_t *b, const uint32_t *n, uint32_t inverse)
{
	uint32_t t[WORDS + 2] = { 0 };

	for (int i = 0; i < WORDS; i++) {
		uint64_t carry = 0;
		uint32_t m;

		for (int j = 0; j < WORDS; j++) {
			carry += (uint64_t)a[i] * b[j] + t[j];
			t[j] = (uint32_t)carry;
			carry >>= 32;
		}
		carry += t[WORDS];
		t[WORDS] = (uint32_t)carry;
		t[WORDS + 1] = (uint32_t)(carry >> 32);
		m = t[0] * inverse;
		carry = ((uint64_t)m * n[0] + t[0]) >> 32;
		for (int j = 1; j < WORDS; j++) {
			carry += (uint64_t)m * n[j] + t[j];
			t[j - 1] = (uint32_t)carry;
			carry >>= 32;
		}
		carry += t[WORDS];
		t[WORDS - 1] = (uint32_t)carry;
		t[WORDS] = t[WORDS + 1] + (uint32_t)(carry >> 32);
	}
	if (t[WORDS] || !less(t, n))
		subtract(t, n);
	memcpy(to, t, MODULUS_SIZE);
}

/* x = x^exponent mod n, for the two exponents keys have; x < n, n odd. */
static void power(uint32_t *x, uint32_t exponent, const uint32_t *n)
{
	uint32_t square[WORDS] = { 1 }, base[WORDS], one[WORDS] = { 1 };
	uint32_t inverse = n[0];	/* right modulo 8; every step doubles the bits that are right */

	for (int i = 0; i < 4; i++)
		inverse *= 2 - n[0] * inverse;
	inverse = -inverse;
	for (int i = 0; i < 2 * 32 * WORDS; i++) {	/* R^2 mod n by doubling: no trust in the key's own copy */
		uint32_t top = square[WORDS - 1] >> 31;

		for (int j = WORDS - 1; j > 0; j--)
			square[j] = square[j] << 1 | square[j - 1] >> 31;
		square[0] <<= 1;
		if (top || !less(square, n))
			subtract(square, n);
	}
	multiply(base, x, square, n, inverse);
	memcpy(x, base, MODULUS_SIZE);
	for (uint32_t e = exponent; e > 1; e >>= 1)
		multiply(x, x, x, n, inverse);
	multiply(x, x, base, n, inverse);	/* 3 and 65537 are 2^k + 1 */
	multiply(x, x, one, n, inverse);
}

static bool verify(const uint8_t *key, const uint8_t *token, const uint8_t *signature)
{
	/* DER of DigestInfo { SHA-1, NULL }, RFC 8017 section 9.2 note 1 */
	static const uint8_t digest_info[] = { 0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
					       0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14 };
	const uint8_t *modulus = key + 8;
	uint32_t exponent = get_le32(modulus + 2 * MODULUS_SIZE);
	uint32_t n[WORDS], x[WORDS];
	uint8_t expected[MODULUS_SIZE], *end = expected + MODULUS_SIZE;

	for (int i = 0; i < WORDS; i++) {
		const uint8_t *word = signature + MODULUS_SIZE - 4 * (i + 1);

		n[i] = get_le32(modulus + 4 * i);
		x[i] = (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 | word[3];
	}
	if (get_le32(key) != WORDS || !(n[0] & 1) || !(n[WORDS - 1] >> 31) || (exponent != 3 && exponent != 65537) ||
	    !less(x, n))
		return false;
	power(x, exponent, n);
	memset(expected, 0xff, sizeof(expected));
	expected[0] = 0;
	expected[1] = 1;
	memcpy(end - TOKEN_SIZE, token, TOKEN_SIZE);
	memcpy(end - TOKEN_SIZE - sizeof(digest_info), digest_info, sizeof(digest_info));
	end[-(int)(TOKEN_SIZE + sizeof(digest_info)) - 1] = 0;
	for (int i = 0; i < MODULUS_SIZE; i++)
		if (expected[i] != (uint8_t)(x[(MODULUS_SIZE - 1 - i) / 4] >> (8 * ((MODULUS_SIZE - 1 - i) % 4))))
			return false;
	return true;
}

bool signature_is_trusted(const char *keys_path, const uint8_t token[TOKEN_SIZE], const uint8_t *signature, size_t size)
{
	char line[KEY_LINE_MAX];
	uint8_t key[KEY_SIZE];
	bool trusted = false;
	FILE *keys;

	if (size != MODULUS_SIZE)
		return false;
	keys = fopen(keys_path, "re");	/* read each time: a new key counts at once */
	if (!keys)
		return false;
	while (!trusted && fgets(line, sizeof(line), keys))
		trusted = base64_decode(line, key, sizeof(key)) && verify(key, token, signature);
	fclose(keys);
	return trusted;
}
