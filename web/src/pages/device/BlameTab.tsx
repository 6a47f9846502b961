/** Of a device. */
export const BlameTab = () => <p>BlameTab</p>;
