/** Of a device. */
export const TimelineTab = () => <p>TimelineTab</p>;
