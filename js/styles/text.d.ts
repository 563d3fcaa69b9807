/** A style sheet that is imported by a script arrives there as text, bundled and minified. */
declare module "*.css" {
  const text: string;
  export default text;
}
