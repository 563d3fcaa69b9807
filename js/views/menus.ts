/** What the explorer's first picture does without: menus, further rows, both signs together, other styles. */
export { articleColour, colourCellsLikeArticle } from "../core/article.ts";
export { forks } from "../panels/branch_menu.ts";
export { emptyState } from "../panels/empty.ts";
export { hatchOver } from "../panels/hatching.ts";
export { legendTools } from "../panels/legend_tools.ts";
export { bookmarks } from "../panels/menu_bookmarks.ts";
export { composer } from "../panels/menu_composer.ts";
export { help } from "../panels/menu_help.ts";
export { keys } from "../panels/menu_keys.ts";
export { settings } from "../panels/menu_settings.ts";
export { stories } from "../panels/menu_stories.ts";
export { trajectories } from "../panels/menu_trajectories.ts";
export { cellPicker } from "../panels/picker.ts";
export { rowMoves } from "../panels/row_moves.ts";
export { totalsChart } from "../panels/totals.ts";
