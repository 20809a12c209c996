/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The search tree that elfutils from 0.192 on keeps in an internal library, libeu.a, whose objects
 * Debian 13's static libelf.a and libdw.a refer to and do not contain. A static link takes these
 * functions from here where it lacks them; nothing else refers to them, so that any other link
 * leaves this file out. Layout and contracts are those of elfutils' lib/eu-search.h: a tree begins
 * with the root of a tsearch(3) tree. A lock follows where elfutils was built to be thread-safe,
 * which Debian's is not; one that is left alone harms nothing while each Elf is used by one thread
 * at a time, as the symbols' reader does.
 */
#include <search.h>
#include <stddef.h>

struct search_tree {
	void *root;
};

void eu_search_tree_init(struct search_tree *tree);
void eu_search_tree_fini(struct search_tree *tree, void (*free_node)(void *node));
void *eu_tsearch(const void *key, struct search_tree *tree, __compar_fn_t compare);
void *eu_tfind(const void *key, struct search_tree *tree, __compar_fn_t compare);
void *eu_tdelete(const void *key, struct search_tree *tree, __compar_fn_t compare);
void eu_tdestroy(struct search_tree *tree, void (*free_node)(void *node));

void eu_search_tree_init(struct search_tree *tree)
{
	tree->root = NULL;
}

void eu_search_tree_fini(struct search_tree *tree, void (*free_node)(void *node))
{
	tdestroy(tree->root, free_node);
}

void *eu_tsearch(const void *key, struct search_tree *tree, __compar_fn_t compare)
{
	return tsearch(key, &tree->root, compare);
}

void *eu_tfind(const void *key, struct search_tree *tree, __compar_fn_t compare)
{
	return tfind(key, &tree->root, compare);
}

void *eu_tdelete(const void *key, struct search_tree *tree, __compar_fn_t compare)
{
	return tdelete(key, &tree->root, compare);
}

void eu_tdestroy(struct search_tree *tree, void (*free_node)(void *node))
{
	tdestroy(tree->root, free_node);
	tree->root = NULL;
}
