/** A page. */
export const ServerPage = () => <p>ServerPage</p>;
