/** Entry of the cell inspector's bundle, fetched when a cell is first picked. */
export { mount } from "../panels/cell_panel.ts";
