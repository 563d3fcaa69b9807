/** Icons as 16 × 16 paths; drawn once here so that no icon font is needed. */
export const CHEVRON = "M6 3.5 10.5 8 6 12.5 5.1 11.6 8.7 8 5.1 4.4Z";
export const PLAY = "M5 3 12.5 8 5 13Z";
export const PAUSE = "M4.5 3.5h2.4v9H4.5ZM9.1 3.5h2.4v9H9.1Z";
export const STEP = "M4.5 3.5 9.5 8l-5 4.5ZM10.5 3.5h1.5v9h-1.5Z";
export const END = "M3 3.5 7.2 8 3 12.5ZM7.4 3.5 11.6 8 7.4 12.5ZM12 3.5h1.4v9H12Z";
export const CENTRE = "M7.2 2h1.6v12H7.2ZM1.5 8 5 5v2h1.2v2H5v2ZM14.5 8 11 5v2H9.8v2H11v2Z";
export const LOOP = "M4 5h6V3l3.2 2.7L10 8.4V6.4H5.4v2.2H4ZM12 11H6v2L2.8 10.3 6 7.6V9.6h4.6V7.4H12Z";
export const ARROW = "M8 2.5 12 7.3H8.9V13.5H7.1V7.3H4Z";
export const ENLARGE = "M3 3h4v1.3H4.3V7H3ZM13 13H9v-1.3h2.7V9H13Z";
export const GEAR =
  "M2 3.3h6.3a2 2 0 0 1 3.8 0H14v1.4h-1.9a2 2 0 0 1-3.8 0H2ZM2 11.3h1.9a2 2 0 0 1 3.8 0H14v1.4H7.7a2 2 0 0 1-3.8 0H2Z";
export const PENCIL =
  "M11.2 2.6 13.4 4.8 5.7 12.5 2.8 13.2 3.5 10.3ZM10.4 4.6 4.6 10.4 4.3 11.7 5.6 11.4 11.4 5.6Z";
export const SORT = "M2.5 3.5h11V5h-11ZM2.5 7.2h7.5v1.5H2.5ZM2.5 11h4v1.5h-4Z";
export const GRIP = "M5 3h2v2H5ZM9 3h2v2H9ZM5 7h2v2H5ZM9 7h2v2H9ZM5 11h2v2H5ZM9 11h2v2H9Z";
