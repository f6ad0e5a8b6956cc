// Written by ./guichet contracts: these stand in Python.

export const LONGEST_PIECE = 20;
export const PAGE_MOST = 50;
export const PASSWORD_SHORTEST = 12;
export const SERIAL_NUMBER_LENGTH = 15;
