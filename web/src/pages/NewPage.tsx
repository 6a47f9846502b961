/** A page. */
export const NewPage = () => <p>NewPage</p>;
