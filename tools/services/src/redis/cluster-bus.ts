/** How far above a node's port Redis puts the one on which the nodes of a cluster talk among themselves. */
export const busOffset = 10_000
